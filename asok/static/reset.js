var a=()=>{};export{a as default};
